//! `concert view`: serves a page that shows a robot.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use concert_runtime::io::thread;
use concert_runtime::io::zenoh::SessionOptions;
use serde_json::json;

use crate::cli::{Access, Global, endpoint, key};
use crate::commands::visit::with_access;
use crate::launch_file::{DEFAULT_ENDPOINT, DEFAULT_PREFIX};
use crate::live::LOOK_EVERY;
use crate::report::{Exit, Failure, Report};
use crate::stop::Stop;
use crate::transfers::TableFiles;
use crate::view::{DEFAULT_ADDRESS, View, ViewOptions};

/// Arguments of `view`.
#[derive(Debug, Args)]
#[command(after_help = "\
The page is fed from the bus alone, so it shows any robot that is reached; it waits
for one, and comes back by itself where the bus ends. An output is listened to only
while some page shows it: what nobody looks at costs the robot nothing, and any number
of pages costs as much as one. 64 pages may be open at once.

On the page a policy is chosen, too: from the affinities that ship, or from your table
(`concert measure` makes one; Taskonomy's is another). The second button swaps it into the robot; it needs
--allow-control here, a loopback address, and a robot that lets us.

Who is at another computer looks through ssh, which needs no open port:
  ssh -L 8080:127.0.0.1:8080 robot

Examples:
  concert demo                                             in another terminal
  concert view
  concert view --allow-control

Of another robot, with tables of your own, or for others to look at:
  concert view --connect tcp/192.168.0.7:7448 --prefix robot/perception
  concert view --transfers measured/affinities.csv --profile here.toml
  concert view --listen 0.0.0.0:8080 --name robot.local    for others to look at")]
pub struct ViewArgs {
    /// Where the page is served; port 0 takes a free one, which is printed
    #[arg(long, value_name = "ADDRESS:PORT", default_value = DEFAULT_ADDRESS)]
    pub listen: SocketAddr,
    /// Another port of 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", conflicts_with = "listen")]
    pub port: Option<u16>,
    /// A name by which browsers ask for this computer, beside its addresses; may be
    /// repeated
    #[arg(long, value_name = "NAME")]
    pub name: Vec<String>,
    /// Key below which the robot publishes
    #[arg(long, value_name = "KEY", default_value = DEFAULT_PREFIX, value_parser = key)]
    pub prefix: String,
    /// Where the robot listens; may be repeated
    #[arg(long, value_name = "ENDPOINT", value_parser = endpoint, default_value = DEFAULT_ENDPOINT)]
    pub connect: Vec<String>,
    /// Let the page swap policies into the robot
    #[arg(long)]
    pub allow_control: bool,
    /// Choose policies from this table of measured transfers, as `solve` reads it,
    /// instead of those that ship
    #[arg(long, value_name = "FILE")]
    pub transfers: Option<PathBuf>,
    /// The table leaves out rows on purpose
    #[arg(long, requires = "transfers")]
    pub partial: bool,
    /// What networks cost on the robot, as `profile` measures it: lets the page limit
    /// the time per frame
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// How to get in
    #[command(flatten)]
    pub access: Access,
}

pub(crate) fn run(args: &ViewArgs, global: &Global) -> Result<Report, Failure> {
    let stop = Stop::on_signals()?;
    // It has nothing to lose.
    stop.ends_with(Exit::Done);
    let view = View::start(&options(args))?;
    say(&view.url(), global.json)?;
    while !stop.is_raised() && !view.is_over() {
        thread::sleep(LOOK_EVERY);
    }
    let failed = !stop.is_raised();
    let json = view.stop();
    let text = format!(
        "{} pages were opened, {} messages read, {} of them unreadable; {} did not come or were \
         not read, {} pictures and other outputs came too fast for a page",
        json["pages"], json["messages"], json["unreadable"], json["dropped"], json["missed"]
    );
    Ok(Report {
        exit: match failed || json["sound"] != json!(true) {
            true => Exit::Failed,
            false => Exit::Done,
        },
        json,
        text,
    })
}

fn options(args: &ViewArgs) -> ViewOptions {
    let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    ViewOptions {
        address: args.port.map_or(args.listen, local),
        names: args.name.clone(),
        bus: SessionOptions {
            connect: args.connect.clone(),
            ..with_access(&args.access)
        },
        prefix: args.prefix.clone(),
        tables: TableFiles {
            transfers: args.transfers.clone(),
            partial: args.partial,
            profile: args.profile.clone(),
        },
        allow_control: args.allow_control,
    }
}

/// The address, in one line; standard output is for JSON where that is asked for.
fn say(url: &str, as_json: bool) -> io::Result<()> {
    let line = format!("the view is at {url} (Ctrl-C ends)");
    if as_json {
        return writeln!(io::stderr(), "{line}");
    }
    let mut out = io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush())
}
