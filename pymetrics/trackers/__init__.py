"""Results as experiment trackers take them: plain functions, one module per tracker."""
