"""What sccodec was measured with: a folder for each subject, results in `results/` under the same names."""
