"""The outside world: each gateway is a small protocol with one implementation per way to reach it."""
