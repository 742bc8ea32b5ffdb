"""Can the numbers of an analysis be trusted? Measurements judged by rules fixed beforehand."""
