"""Mixed models: variance components, fixed effects and breeding values, exact when small and iterative when large."""
