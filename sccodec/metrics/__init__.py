"""How good a decoded picture is, or a label map; sccodec.metrics.table has every figure of merit of pictures."""
