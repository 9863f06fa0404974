"""`bitacora prove`: a promise put to the test on this machine, with real processes that are killed."""
