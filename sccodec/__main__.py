"""`python -m sccodec` is the command `sccodec`."""

from sccodec.cli import main

if __name__ == "__main__":
    main()
