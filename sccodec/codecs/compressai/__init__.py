from sccodec.codecs.compressai.codec import codec

__all__ = ["codec"]
