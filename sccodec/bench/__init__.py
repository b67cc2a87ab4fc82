"""The benchmark: specs x pictures, each encoded to bytes, decoded from them, and measured."""
