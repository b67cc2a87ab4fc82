from sccodec.codecs.hyperprior.codec import BITSTREAM, codec

__all__ = ["BITSTREAM", "codec"]
