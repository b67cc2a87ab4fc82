"""What any codec of ours asks of the machine, and whether it matters which machine it is."""
