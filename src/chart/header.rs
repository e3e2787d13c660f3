//! A tar header that two readers would read in two ways is refused: what Davit opens must be what Go's `archive/tar`, and
//! so Helm and Flux, open. Every packer in use writes headers that pass.

use super::Refusal;
use tar::{EntryType, Header};

/// Fields of octal numbers: where they stand, and whether a packer may write them in base 256 (what is beyond octal).
const NUMBERS: [(std::ops::Range<usize>, bool); 6] = [
    (100..108, false), // mode
    (108..116, true),  // uid
    (116..124, true),  // gid
    (124..136, true),  // size
    (136..148, true),  // mtime
    (148..156, false), // checksum
];
/// The numbers that only the newer formats have: major and minor of a device.
const DEVICES: [(std::ops::Range<usize>, bool); 2] = [(329..337, true), (337..345, true)];
/// And GNU's two more times.
const TIMES: [(std::ops::Range<usize>, bool); 2] = [(345..357, true), (357..369, true)];

/// Checks the form of a header.
///
/// # Errors
/// Go would refuse it, or see another format, name or size in it.
pub(super) fn check(header: &Header) -> Result<(), Refusal> {
    let bytes = header.as_bytes();
    let posix = bytes[257..265] == *b"ustar\x0000" && bytes[508..512] != *b"tar\0";
    let gnu = bytes[257..265] == *b"ustar  \0";
    let oldest = bytes[257..].iter().all(|byte| *byte == 0);
    let mut numbers = NUMBERS.to_vec();
    if posix || gnu {
        numbers.extend(DEVICES);
    }
    if gnu {
        numbers.extend(TIMES);
    }
    let form = posix || gnu || oldest;
    if form && numbers.into_iter().all(|(range, wide)| is_number(&bytes[range], wide)) {
        Ok(())
    } else {
        Err(Refusal::Damaged("a header is not written as tar prescribes".to_owned()))
    }
}

/// What Go takes for something else than its kind says: a directory with content, which it reads as the next header, and
/// a file whose mode is that of a directory or a device.
///
/// # Errors
/// It is one of these.
pub(super) fn check_kind(kind: EntryType, header: &Header, name: &str) -> Result<(), Refusal> {
    let odd = || Refusal::OddEntry(name.to_owned());
    let directory = is_directory(kind, header, name);
    if directory && header.entry_size().map_err(|_| odd())? != 0 {
        return Err(odd());
    }
    let kinds = if directory { [0, 0o040_000] } else { [0, 0o100_000] };
    let mode = header.mode().map_err(|_| odd())?;
    if kinds.contains(&(mode & !0o7777)) { Ok(()) } else { Err(odd()) }
}

/// As Go's reader has it: by the type, or by the name where the type is that of the oldest format.
pub(super) fn is_directory(kind: EntryType, header: &Header, name: &str) -> bool {
    kind.is_dir() || (header.as_old().linkflag == [0] && name.ends_with('/'))
}

/// Checks the records of an extended header.
///
/// # Errors
/// Go would refuse one.
pub(super) fn check_record(key: &[u8], value: &[u8]) -> Result<(), Refusal> {
    let number = |more: &[u8]| value.iter().all(|byte| byte.is_ascii_digit() || more.contains(byte));
    let good = match key {
        b"" => false,
        b"uid" | b"gid" => number(b"") && value.len() < 19,
        b"mtime" | b"atime" | b"ctime" => {
            let (whole, part) = value.split_at(value.iter().position(|byte| *byte == b'.').unwrap_or(value.len()));
            let digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
            !whole.is_empty() && whole.len() < 19 && digits(whole) && digits(part.get(1..).unwrap_or_default())
        }
        _ => !key.contains(&0) && !value.contains(&0),
    };
    if good { Ok(()) } else { Err(Refusal::Damaged("an extended header is not written as tar prescribes".to_owned())) }
}

/// Octal digits with blanks before, blanks and NULs behind; or a number in base 256 of at most 64 bits.
fn is_number(field: &[u8], wide: bool) -> bool {
    if let [sign @ (0x80 | 0xff), rest @ ..] = field {
        let fill = if *sign == 0x80 { 0 } else { 0xff };
        return wide && rest[..rest.len().saturating_sub(7)].iter().all(|byte| *byte == fill);
    }
    let behind = field.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last + 1);
    let digits = field[..behind].trim_ascii_start();
    digits.iter().all(|byte| matches!(byte, b'0'..=b'7'))
        && field[..behind - digits.len()].iter().all(|byte| *byte == b' ')
}

#[cfg(test)]
mod tests {
    use super::{check, check_record, is_number};

    #[test]
    fn numbers_are_octal_or_of_base_256_where_packers_write_that() {
        for good in [&b"0000644\0"[..], b"000644 \0", b"  644 \0 ", b"00000644", b"\0\0\0\0\0\0\0\0", b"        "] {
            assert!(is_number(good, false), "{good:?}");
        }
        for bad in [
            &b"0000844\0"[..],
            b"\x00000644 ",
            b"+000644\0",
            b"6 44\0\0\0\0",
            b"64\x004\0\0\0\0",
            b"\x80\0\0\0\0\0\0\x01",
        ] {
            assert!(!is_number(bad, false), "{bad:?}");
        }
        assert!(is_number(b"\x80\0\0\0\0\x1f\xff\xff", true) && is_number(b"\xff\xff\xff\xff\xff\xff\xff\xfe", true));
        assert!(!is_number(b"\x80\x01\0\0\0\0\0\0\0\0\0\0", true) && !is_number(b"\x90\0\0\0\0\0\0\0", true));
    }

    #[test]
    fn headers_of_packers_pass_and_ambiguous_ones_do_not() {
        let changed = |mut header: tar::Header, at: usize, text: &[u8]| {
            header.set_size(5);
            header.set_mode(0o644);
            header.as_mut_bytes()[at..at + text.len()].copy_from_slice(text);
            header.set_cksum();
            check(&header).is_ok()
        };
        for new in [tar::Header::new_old, tar::Header::new_ustar, tar::Header::new_gnu] {
            assert!(changed(new(), 0, b"web/Chart.yaml"));
            assert!(!changed(new(), 108, b"00x"));
        }
        assert!(changed(tar::Header::new_ustar(), 345, b"prefix"));
        for (at, text) in [(263, &b"01"[..]), (257, b"ustaR"), (508, b"tar\0"), (329, b"9")] {
            assert!(!changed(tar::Header::new_ustar(), at, text), "{at}");
        }
        assert!(!changed(tar::Header::new_gnu(), 345, b"prefix") && !changed(tar::Header::new_old(), 345, b"prefix"));
    }

    #[test]
    fn records_hold_numbers_and_texts() {
        let good: [(&[u8], &[u8]); 4] = [(b"path", b"a b"), (b"mtime", b"1.5"), (b"uid", b"7"), (b"comment", b"x")];
        assert!(good.iter().all(|(key, value)| check_record(key, value).is_ok()));
        let bad: [(&[u8], &[u8]); 5] =
            [(b"", b"a"), (b"mtime", b"x"), (b"mtime", b".5"), (b"uid", b"-1"), (b"linkpath", b"a\0b")];
        assert!(bad.iter().all(|(key, value)| check_record(key, value).is_err()));
    }
}
