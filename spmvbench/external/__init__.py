"""Programs that time themselves, as contestants whose products nobody sees."""
