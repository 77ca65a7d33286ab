"""Artificial animals against real ones: how faithful, how private, how useful."""
