"""Byzantium: a wireless mesh node from a USB stick, and the wizard that sets it up."""

__version__ = "1.0"
