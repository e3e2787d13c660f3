//! F5. Everything Davit talks to, on loopback; the tests share it.
