from sccodec.codecs.bpg.codec import codec

__all__ = ["codec"]
