"""What stands out in analyses: every test runs here, once, and comes back as numbers."""
