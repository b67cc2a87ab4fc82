from sccodec.codecs.conceptual.codec import BITSTREAM, codec

__all__ = ["BITSTREAM", "codec"]
