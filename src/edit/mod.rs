//! F2. Compare-and-swap on the bytes of one scalar, then proof that nothing else moved. Pure.
