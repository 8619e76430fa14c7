"""(model, licences, facts, date) -> Decision. Pure: no files, no clock, no printing."""
