"""Pictures over noisy channels: links between a transmitter and a receiver, and the channels between them."""
