"""What is read or changed on the system, one file per thing. Knows the system, never the screen."""
