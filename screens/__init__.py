"""The pages of the wizard, one file each, and the widgets they share. Knows answers and events, never the system."""
