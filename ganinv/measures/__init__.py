"""What results are judged by: reconstructions, distributions of images, codes. What is minimized
lies in `losses`."""
