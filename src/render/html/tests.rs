use super::*;
use crate::compare::Comparison;
use crate::render::{Comparing, Reports};
use crate::report::{Input, Results, Row};
use serde_json::Value;

const DATA: &str = "<script type=\"application/json\" id=\"data\">";

/// Text of the element that begins with `head`.
fn element<'a>(page: &'a str, head: &str) -> &'a str {
    let (_, rest) = page.split_once(head).unwrap_or_else(|| panic!("no {head}"));
    rest.split_once("</script>").unwrap().0
}

fn data(page: &str) -> Value {
    serde_json::from_str(element(page, DATA)).unwrap()
}

/// The results of the first file of `page`, read back.
fn results(page: &str) -> Results {
    let text = element(page, "<script type=\"application/json\" id=\"results-0\">");
    Results::read("a page", text.as_bytes()).unwrap()
}

fn run(change: impl FnOnce(&mut crate::report::Report)) -> [Input; 1] {
    let mut input = Input::made_up("run.json");
    if let Results::Run(run) = &mut input.results {
        change(run);
    }
    [input]
}

/// Texts of the cells of the widest table, a line each.
fn lines(data: &Value) -> Vec<String> {
    let sections = data["documents"][0]["sections"].as_array().unwrap();
    let tables = sections.iter().filter_map(|s| s["table"].as_object());
    let widest = tables.max_by_key(|table| table["columns"].as_array().unwrap().len());
    let lines = widest.unwrap()["lines"].as_array().unwrap().iter();
    lines.map(|line| line["cells"].to_string()).collect()
}

fn figures(data: &Value) -> &[Value] {
    data["documents"][0]["figures"].as_array().unwrap()
}

#[test]
fn a_page_is_whole_and_carries_the_results() {
    for name in ["run.json", "other.json", "roofline.json"] {
        let inputs = [Input::made_up(name)];
        let page = page(&Reports(&inputs));
        assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
        for tag in [
            "html", "head", "body", "style", "main", "header", "footer", "script",
        ] {
            // In front of a space or a bracket: `<head>` is not `<header>`.
            let opened = [" ", ">"].map(|end| page.matches(&format!("<{tag}{end}")).count());
            let closed = page.matches(&format!("</{tag}>")).count();
            assert_eq!(opened.iter().sum::<usize>(), closed, "{name}: {tag}");
        }
        assert!(!page.contains("{{"), "a part is not filled in");
        assert_eq!(results(&page), inputs[0].results);
        assert!(page.len() < 2 << 20, "{name}: {} bytes", page.len());
    }
}

/// The page asks for nothing: neither in its own words nor in those of the library, but for names of languages in XML.
#[test]
fn a_page_asks_no_network() {
    let page = page(&Reports(&run(|_| ())));
    assert!(page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"));
    // The library names parts of a drawing by `url(#..)`.
    let own = page.replace(&LIBRARY.concat(), "");
    for word in [
        "<link",
        "<img",
        "<iframe",
        "@import",
        "url(",
        "fetch(\"",
        "new WebSocket",
    ] {
        assert!(!own.contains(word), "{word}");
    }
    let addresses = page.match_indices("://").map(|(at, _)| {
        let from = page[..at]
            .rfind(|c: char| !c.is_ascii_alphabetic())
            .unwrap()
            + 1;
        page[from..].split(['"', ' ', '\n', '\\']).next().unwrap()
    });
    for address in addresses {
        let is_name = address.starts_with("http://www.w3.org/");
        assert!(is_name || address == "https://d3js.org", "{address}");
    }
}

/// The note beside the libraries says which they are.
#[test]
fn libraries_are_those_of_the_note() {
    let note = include_str!("../../../assets/vendor/README.md");
    for (library, name, package) in [
        (
            include_str!("../../../assets/vendor/d3.min.js"),
            "d3js.org",
            "d3",
        ),
        (
            include_str!("../../../assets/vendor/plot.umd.min.js"),
            "plot",
            "@observablehq/plot",
        ),
    ] {
        let head = library.lines().next().unwrap();
        let (_, version) = head.split_once(&format!("{name} v")).unwrap();
        let version = version.split(' ').next().unwrap();
        assert!(
            note.contains(&format!("| `{package}` | {version} |")),
            "{head}"
        );
    }
}

#[test]
fn every_row_is_in_the_table_and_every_verified_one_in_the_roofline() {
    let inputs = run(|_| ());
    let data = data(&page(&Reports(&inputs)));
    let rows = inputs[0].results.rows();
    let lines = lines(&data);
    assert_eq!(lines.len(), rows.len());
    for row in rows {
        let has = |line: &&String| line.contains(&row.kernel) && line.contains(&row.shape_text());
        assert!(lines.iter().any(|line| has(&line)), "{}", row.id);
    }
    let plane = &figures(&data)[0]["plane"];
    let points = plane["points"].as_array().unwrap();
    let mut count = 0;
    for row in rows {
        let is_shown =
            row.verified.as_ref().is_some_and(|v| v.ok) && row.flops > 0 && row.flop_rate.is_some();
        let point = points.iter().find(|point| point["name"] == row.id.as_str());
        assert_eq!(point.is_some(), is_shown, "{}", row.id);
        if let Some(point) = point {
            count += 1;
            let rate = row.flop_rate.unwrap().flops_per_second();
            assert_eq!(point["y"].as_f64(), Some(rate));
            let facts = point["facts"].to_string();
            assert!(
                facts.contains("/s\"") && facts.contains("spread"),
                "{facts}"
            );
        }
    }
    assert!(count > 0);
    let roofs = plane["roofs"].as_array().unwrap();
    let ceilings = inputs[0].results.ceilings().iter();
    let known = ceilings.filter(|ceiling| ceiling.value.is_some()).count();
    assert_eq!(roofs.len(), known);
}

/// An operation that nothing here knows: its rows are lines, points, a ladder and times by size.
#[test]
fn a_new_operation_has_figures_too() {
    let inputs = run(|run| {
        let model = run.rows.iter().find(|row| row.is_good()).unwrap().clone();
        for n in [256, 512, 1024] {
            for kernel in ["fft_naive", "fft_radix4"] {
                run.rows.push(Row {
                    id: format!("fft/f32/{n}x16/{kernel}"),
                    operation: "fft".into(),
                    kernel: kernel.into(),
                    label: format!("{n}x16"),
                    ..model.clone()
                });
            }
        }
    });
    let data = data(&page(&Reports(&inputs)));
    let of_fft = lines(&data)
        .iter()
        .filter(|line| line.contains("fft_radix4"))
        .count();
    assert_eq!(of_fft, 3);
    let titles: Vec<&str> = figures(&data)
        .iter()
        .filter_map(|f| f["title"].as_str())
        .collect();
    for title in ["fft f32 512x16", "fft f32 Nx16: time against N"] {
        assert!(titles.contains(&title), "{titles:?}");
    }
    let ladder = figures(&data)
        .iter()
        .find(|f| f["title"] == "fft f32 512x16")
        .unwrap();
    assert_eq!(ladder["bars"]["bars"].as_array().unwrap().len(), 2);
}

#[test]
fn sweeps_of_a_roofline_are_figures() {
    let data = data(&page(&Reports(&[Input::made_up("roofline.json")])));
    let titles: Vec<&str> = figures(&data)
        .iter()
        .filter_map(|f| f["title"].as_str())
        .collect();
    for title in [
        "roofline",
        "bandwidth by working set",
        "latency by working set",
    ] {
        assert!(titles.contains(&title), "{titles:?}");
    }
}

/// Nothing in a file ends the element that it stands in, or acts on whoever reads the page.
#[test]
fn hostile_texts_stay_texts() {
    let hostile = "</script><script>alert(1)</script><!--\u{1b}[2J\u{202e}\u{2028}{{style}}";
    let long = "A".repeat(60_000);
    let harmless = page(&Reports(&run(|_| ())));
    let inputs = run(|run| {
        run.adapter.name = hostile.to_owned();
        run.host.cpu = long.clone();
        run.settings.note = Some(hostile.to_owned());
        run.rows[0].kernel = hostile.to_owned();
        run.rows[0].label = hostile.to_owned();
    });
    let named = [Input {
        name: hostile.to_owned(),
        ..inputs[0].clone()
    }];
    let page = page(&Reports(&named));
    assert_eq!(
        page.matches("<script").count(),
        harmless.matches("<script").count()
    );
    assert_eq!(
        page.matches("</script").count(),
        harmless.matches("</script").count()
    );
    assert!(!element(&page, DATA).contains(['<', '\u{1b}', '\u{202e}', '\u{2028}']));
    assert_eq!(results(&page), inputs[0].results);
    let data = data(&page);
    let title = data["title"].as_str().unwrap();
    assert!(
        title.starts_with("</script>") && title.contains(r"\u{1b}"),
        "{title}"
    );
    assert!(page.contains(&long));
}

#[test]
fn a_comparison_is_a_page_of_both_files() {
    let inputs = ["run.json", "other.json"].map(Input::made_up);
    let comparing = Comparing {
        comparison: Comparison::new(&inputs),
        statistics: false,
    };
    let data = data(&page(&comparing));
    assert_eq!(data["documents"].as_array().unwrap().len(), 1);
    assert_eq!(data["files"].as_array().unwrap().len(), 2);
}

#[test]
fn a_comparison_has_the_roofs_and_points_of_every_file() {
    let inputs = ["run.json", "other.json", "roofline.json"].map(Input::made_up);
    let comparing = Comparing {
        comparison: Comparison::new(&inputs),
        statistics: false,
    };
    let data = data(&page(&comparing));
    let plane = &figures(&data)[0]["plane"];
    let of = |what: &str, letter: char| {
        let items = plane[what].as_array().unwrap().iter();
        let series = items.map(|item| item["series"].as_str().unwrap());
        series.filter(|series| series.starts_with(letter)).count()
    };
    for (letter, input) in ['A', 'B', 'C'].into_iter().zip(&inputs) {
        let ceilings = input.results.ceilings().iter();
        let known = ceilings.filter(|ceiling| ceiling.value.is_some());
        let is_roof = |id: &str| id.starts_with("compute/") || id.starts_with("memory/");
        assert!(of("roofs", letter) > 1, "{letter}");
        assert!(of("roofs", letter) <= known.filter(|c| is_roof(c.id.as_str())).count() + 9);
        let rows = input.results.rows().iter();
        let is_point = |row: &&Row| {
            row.verified.as_ref().is_some_and(|v| v.ok) && row.flops > 0 && row.flop_rate.is_some()
        };
        assert_eq!(
            of("points", letter),
            rows.filter(is_point).count(),
            "{letter}"
        );
    }
}

/// The files of a gallery by their names.
fn gallery(inputs: &[Input]) -> Vec<(String, String)> {
    let files = super::gallery(&Reports(inputs)).expect("several files are a gallery");
    let texts = files.into_iter();
    texts
        .map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap()))
        .collect()
}

#[test]
fn a_gallery_has_a_page_of_each_file_and_an_index_that_leads_there() {
    let inputs = ["run.json", "roofline.json", "run.json"].map(Input::made_up);
    let files = gallery(&inputs);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let shared = [
        "index.html",
        "page.css",
        "page.js",
        "library.js",
        "licences.txt",
    ];
    assert_eq!(names[..5], shared);
    let index = data(&files[0].1);
    let lines = index["documents"][0]["sections"][0]["table"]["lines"]
        .as_array()
        .unwrap();
    assert_eq!((lines.len(), files.len()), (3, 8));
    for ((line, (name, page)), input) in lines.iter().zip(&files[5..]).zip(&inputs) {
        let adapter = line["cells"][0].as_array().unwrap();
        assert_eq!(adapter[0], input.results.adapter().name.as_str());
        assert_eq!(
            (&adapter[2], &adapter[3]),
            (&"page".into(), &name.as_str().into())
        );
        assert_eq!(results(page), input.results);
        assert!(page.contains("<a href=\"index.html\">"));
    }
    // A copy of a file has a page of its own.
    assert_eq!(names[7], names[5].replace(".html", "-2.html"));
    assert_eq!(
        names.iter().collect::<std::collections::HashSet<_>>().len(),
        8
    );
}

#[test]
fn pages_of_a_gallery_share_their_files_and_ask_no_network() {
    let files = gallery(&["run.json", "other.json"].map(Input::made_up));
    let pages = files.iter().filter(|(name, _)| name.contains(".html"));
    let mut count = 0;
    for (name, page) in pages {
        count += 1;
        let policy = "content=\"default-src 'none'; script-src 'self' file:; style-src 'self' file: 'unsafe-inline'; ";
        assert!(page.contains(policy), "{name}");
        assert!(!page.contains("://") && !page.contains("{{"), "{name}");
        for begin in ["src=\"", "href=\""] {
            for part in page.split(begin).skip(1) {
                let target = part.split('"').next().unwrap();
                let is_there = files.iter().any(|(name, _)| name == target);
                assert!(is_there || target.starts_with('#'), "{name}: {target}");
            }
        }
        assert!(
            !page.contains(LIBRARY[0]) && !page.contains("<style>"),
            "{name}"
        );
    }
    assert_eq!(count, 3);
}

/// Names and adapters of files are texts in the index too, and no name of a page has more than letters, digits and `-`.
#[test]
fn hostile_texts_stay_texts_in_a_gallery() {
    let hostile = "</script><script>alert(1)</script>\u{1b}[2J\"../../x";
    let inputs = run(|run| hostile.clone_into(&mut run.adapter.name));
    let named = Input {
        name: hostile.to_owned(),
        ..inputs[0].clone()
    };
    let harmless = gallery(&[Input::made_up("run.json"), Input::made_up("run.json")]);
    let files = gallery(&[named.clone(), named]);
    for ((name, page), (_, model)) in files.iter().zip(&harmless) {
        assert_eq!(
            page.matches("<script").count(),
            model.matches("<script").count()
        );
        assert_eq!(
            page.matches("</script").count(),
            model.matches("</script").count()
        );
        let is_safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        assert!(name.chars().all(is_safe) && !name.contains(".."), "{name}");
    }
    let cells =
        data(&files[0].1)["documents"][0]["sections"][0]["table"]["lines"][0]["cells"].clone();
    let adapter = cells[0][0].as_str().unwrap();
    assert!(
        adapter.starts_with("</script>") && adapter.contains(r"\u{1b}"),
        "{adapter}"
    );
}

/// Colours of a theme by their names.
fn colours(index: usize) -> Vec<(&'static str, [f64; 3])> {
    let style = include_str!("../../../assets/page/style.css");
    let lines = style.lines().filter_map(|line| {
        let (name, value) = line
            .trim()
            .strip_prefix("--")?
            .split_once(": light-dark(#")?;
        let hex = value.trim_end_matches(");").split(", #").nth(index)?;
        let part = |i: usize| {
            let part = f64::from(u8::from_str_radix(&hex[i..i + 2], 16).unwrap()) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        };
        Some((name, [part(0), part(2), part(4)]))
    });
    lines.collect()
}

/// Contrast as WCAG 2.2 defines it.
fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let luminance = |c: [f64; 3]| 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2] + 0.05;
    let (a, b) = (luminance(a), luminance(b));
    a.max(b) / a.min(b)
}

#[test]
fn both_themes_have_the_contrast_of_aa() {
    for theme in [0, 1] {
        let colours = colours(theme);
        assert!(colours.len() > 15, "{colours:?}");
        let of = |name: &str| colours.iter().find(|(n, _)| *n == name).unwrap().1;
        for (name, colour) in &colours {
            let least = match *name {
                "ground" | "raised" | "line" => continue,
                name if name.starts_with("series") => 3.0,
                _ => 4.5,
            };
            for ground in ["ground", "raised"] {
                let contrast = contrast(*colour, of(ground));
                assert!(
                    contrast >= least,
                    "theme {theme}: {name} on {ground}: {contrast:.2}"
                );
            }
        }
    }
}
