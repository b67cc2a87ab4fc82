"""Pictures from files and to files: whatever comes in, uint8 [H, W, 3] in sRGB comes out.

    a file -> kinds: which reader takes it -> png, jpeg, tiff, .. -> Raster -> colours, white, upright -> Picture

Everything that is lost on the way is said in a notice. What each format may hold, and what becomes of it, is told in
docs/inputs.md.
"""

from sccodec.image.colour import Notice, Picture
from sccodec.image.load import load, size
from sccodec.image.write import format_of, labels_to_bytes, save, to_bytes

__all__ = ["Notice", "Picture", "format_of", "labels_to_bytes", "load", "save", "size", "to_bytes"]
