"""What stands in deploy/ is tried: rules, dashboard and the services."""
