"""Problems drawn by families, and an oracle that shares no code with steepest: see `hunt`."""
