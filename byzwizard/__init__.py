"""Byzantium: a wireless mesh node from a USB stick, and the wizard that sets it up."""

import os

# What somebody else has installed takes no part in what root runs; looking for it took a tenth of the start too.
os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # pydantic, concepts/plugins

__version__ = "1.0"
