"""Segmenters of street scenes: how well they do on CamVid, and what they take."""
