"""Label maps, beside coders of pictures without loss."""
