//! tmp
use concert_models::onnx::*;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args[1].as_str() {
        "check" => {
            for p in &args[2..] {
                let b = std::fs::read(p).unwrap();
                let t = std::time::Instant::now();
                match check(&b, &CheckLimits::default()) {
                    Ok(_) => println!("ok {} {:?}", p, t.elapsed()),
                    Err(e) => println!("ERR {p}: {e} {:?}", t.elapsed()),
                }
            }
        }
        "describe" => println!("{}", describe(&std::fs::read(&args[2]).unwrap()).unwrap()),
        "cut" => {
            // cut FILE OUT tensor=level...
            let m = check(&std::fs::read(&args[2]).unwrap(), &CheckLimits::default()).unwrap();
            let mut fixed = vec![];
            let mut taps = vec![];
            for a in &args[4..] {
                let (k, v) = a.split_once('=').unwrap();
                if v.contains('x') && v.starts_with(|c: char| c.is_ascii_digit()) {
                    fixed.push((
                        k.to_owned(),
                        v.split('x').map(|n| n.parse().unwrap()).collect(),
                    ));
                } else {
                    taps.push(Tap::new(k, v));
                }
            }
            std::fs::write(&args[3], cut(&m, &taps, &fixed).unwrap()).unwrap();
        }
        "merge" => {
            let a = check(&std::fs::read(&args[2]).unwrap(), &CheckLimits::default()).unwrap();
            let b = check(&std::fs::read(&args[3]).unwrap(), &CheckLimits::default()).unwrap();
            let parts = [
                Part {
                    prefix: "e/",
                    model: &a,
                },
                Part {
                    prefix: "r/",
                    model: &b,
                },
            ];
            let c = Connection {
                from: "e/",
                output: &args[5],
                to: "r/",
                input: &args[6],
            };
            std::fs::write(&args[4], merge(&parts, &[c]).unwrap()).unwrap();
        }
        _ => {}
    }
}
