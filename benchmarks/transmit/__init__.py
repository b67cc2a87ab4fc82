"""Links over noisy channels: how well pictures arrive on Kodak, and where the channel is another than was assumed."""
