"""Neural networks: batches, layers and the one training loop; only models and generators of that kind import it."""
