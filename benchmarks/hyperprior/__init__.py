"""The hyperprior codec on Kodak."""
