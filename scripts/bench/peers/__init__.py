"""What this product is compared with. Their packages are in the dependency group `bench`."""
