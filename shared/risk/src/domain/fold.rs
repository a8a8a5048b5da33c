//! Letters that look alike. The build script reads this file, too.

/// Letters that look alike become one: digits for letters, `rn` for `m`, `vv` for `w`, `i` for `l`.
pub(super) fn fold(text: &str) -> String {
    let digits: String = text
        .chars()
        .map(|c| match c {
            '0' => 'o',
            '1' => 'l',
            '3' => 'e',
            '4' => 'a',
            '5' => 's',
            '7' => 't',
            '8' => 'b',
            other => other,
        })
        .collect();
    digits.replace("rn", "m").replace("vv", "w").replace('i', "l")
}
