"""Web Map Service 1.3.0 and 1.1.1 over whatever layers can be drawn."""
