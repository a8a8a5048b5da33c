//! What was said against what was true, as SVG, on axes of log-odds: most of what is asked about is near 0.

use std::fmt::Write as _;

use crate::measures::Alike;

/// Pixels of a side, and log-odds from its middle to its end: 0.01 % to 99.99 %.
const SIDE: f64 = 400.0;
const ODDS_MAX: f64 = 9.21;
const TICKS: [(f64, &str); 5] =
    [(0.001, "0.1 %"), (0.01, "1 %"), (0.1, "10 %"), (0.5, "50 %"), (0.99, "99 %")];

/// One series: its name, its colour, its points.
pub type Series<'a> = (&'a str, &'a str, &'a [Alike]);

/// Points on the dashed line were said as they were.
///
/// # Errors
/// Never: writing to a text does not fail.
pub fn plot(series: &[Series<'_>]) -> Result<String, std::fmt::Error> {
    let mut svg = String::new();
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-70 -20 {w} {h}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect x=\"-70\" y=\"-20\" width=\"{w}\" height=\"{h}\" fill=\"white\"/>\n<rect width=\"{SIDE}\" height=\"{SIDE}\" fill=\"none\" stroke=\"#888\"/>\n<line x1=\"0\" y1=\"{SIDE}\" x2=\"{SIDE}\" y2=\"0\" stroke=\"#bbb\" stroke-dasharray=\"4\"/>",
        w = SIDE + 100.0,
        h = SIDE + 80.0
    )?;
    for (share, text) in TICKS {
        let at = place(share);
        writeln!(svg, "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>", SIDE + 16.0)?;
        writeln!(svg, "<text x=\"-6\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>", SIDE - at + 4.0)?;
    }
    for (index, (name, colour, points)) in series.iter().enumerate() {
        let y = 16 * (index + 1);
        writeln!(
            svg,
            "<circle cx=\"14\" cy=\"{y}\" r=\"5\" fill=\"{colour}\"/><text x=\"24\" y=\"{}\">{name}</text>",
            y + 4
        )?;
        for point in *points {
            let (x, y) = (place(point.said), SIDE - place(point.harmful));
            let radius = 2.0 + (point.rows.max(1) as f64).log10() * 2.0;
            writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"{colour}\" fill-opacity=\"0.7\"><title>{name}: {} rows, said {:.4}, harmful {:.4}</title></circle>",
                point.rows, point.said, point.harmful
            )?;
        }
    }
    writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">said</text>\n<text transform=\"rotate(-90)\" x=\"{}\" y=\"-52\" text-anchor=\"middle\">share that was harmful</text>\n</svg>",
        SIDE / 2.0,
        SIDE + 40.0,
        -SIDE / 2.0
    )?;
    Ok(svg)
}

fn place(share: f64) -> f64 {
    let share = share.clamp(1e-9, 1.0 - 1e-9);
    let odds = libm::log(share / (1.0 - share)).clamp(-ODDS_MAX, ODDS_MAX);
    SIDE * (odds + ODDS_MAX) / (2.0 * ODDS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_as_it_was_is_on_the_line() {
        let points = [Alike { said: 0.02, harmful: 0.02, weight: 1.0, rows: 100 }];
        let svg = plot(&[("made", "#000", &points)]).expect("a text");
        let x = place(0.02);
        assert!(svg.contains(&format!("cx=\"{x:.1}\" cy=\"{:.1}\" r=\"6.0\"", SIDE - x)), "{svg}");
        assert_eq!((place(0.0), place(0.5), place(1.0)), (0.0, SIDE / 2.0, SIDE));
    }
}
