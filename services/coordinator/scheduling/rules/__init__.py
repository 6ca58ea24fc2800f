"""Pure rules of the day graph: planning, selection of headlines, schedules, maturity of outcomes."""
