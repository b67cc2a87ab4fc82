"""Picture files of every kind, against other programs that read them."""
