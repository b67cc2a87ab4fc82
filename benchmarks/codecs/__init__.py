"""Every codec, measured alike."""
