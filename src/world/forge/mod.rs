//! F3. The narrow seam to a forge, and GitHub behind it.
