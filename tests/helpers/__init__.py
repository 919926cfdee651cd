"""What several test files share: generated cases and scenes, literal implementations, comparisons. No tests."""
