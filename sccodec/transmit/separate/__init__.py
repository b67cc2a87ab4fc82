"""Separation: a codec's file behind a channel code."""

from sccodec.transmit.separate.link import link

__all__ = ["link"]
