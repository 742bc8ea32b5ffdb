"""Transfer scores as plain-array functions; `registry` names each with its direction and needs."""
