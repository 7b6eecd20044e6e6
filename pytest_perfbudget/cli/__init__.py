"""The shell's door: ``perfbudget COMMAND``, one file per command. Nothing here needs pytest to run."""
