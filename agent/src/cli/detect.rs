//! `medulla-agent detect`: replays CSV files through the detector that the agent runs.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use detect::Config;
use detect::backtest::{self, Summary};

/// Folders deeper than this are not walked.
const DEPTH_MAX: usize = 64;

#[derive(Args)]
pub(super) struct Arguments {
    /// A CSV with the header timestamp,value, or a folder of them; repeatable
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    series: Vec<PathBuf>,
    /// Write results below this folder instead of stdout, at the path below the folder given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A file to replay and where its result goes below the output folder.
struct Job {
    input: PathBuf,
    below: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let mut jobs = Vec::new();
    for path in &arguments.series {
        if let Err(error) = collect(path, &mut jobs) {
            eprintln!("medulla-agent detect: {}: {error}", path.display());
            return ExitCode::from(2);
        }
    }
    if jobs.is_empty() {
        eprintln!("medulla-agent detect: no .csv file found");
        return ExitCode::from(2);
    }
    let failed = jobs.iter().filter(|job| !replay(job, arguments.out.as_deref())).count();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn collect(path: &Path, jobs: &mut Vec<Job>) -> io::Result<()> {
    if fs::metadata(path)?.is_dir() {
        return walk(path, path, 0, jobs);
    }
    let below = path.file_name().map_or_else(|| path.to_owned(), PathBuf::from);
    jobs.push(Job { input: path.to_owned(), below });
    Ok(())
}

fn walk(root: &Path, folder: &Path, depth: usize, jobs: &mut Vec<Job>) -> io::Result<()> {
    if depth > DEPTH_MAX {
        return Err(io::Error::other(format!("{} is nested too deep", folder.display())));
    }
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            walk(root, &path, depth + 1, jobs)?;
        } else if path.extension().is_some_and(|extension| extension == "csv") {
            let below = path.strip_prefix(root).expect("a walk stays below its root").to_owned();
            jobs.push(Job { input: path, below });
        }
    }
    Ok(())
}

/// Replays one file; says whether that worked.
fn replay(job: &Job, out: Option<&Path>) -> bool {
    match replay_to(job, out) {
        Ok(summary) => {
            report(job, &summary, out.is_some());
            true
        }
        Err(error) => {
            eprintln!("medulla-agent detect: {}: {error}", job.input.display());
            false
        }
    }
}

fn replay_to(job: &Job, out: Option<&Path>) -> Result<Summary, backtest::Error> {
    let input = BufReader::with_capacity(1 << 16, File::open(&job.input)?);
    let Some(out) = out else {
        return write(input, io::stdout().lock());
    };
    let path = out.join(&job.below);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    write(input, File::create(&path)?)
}

fn write(input: impl io::BufRead, output: impl Write) -> Result<Summary, backtest::Error> {
    let mut output = BufWriter::with_capacity(1 << 16, output);
    let summary = backtest::replay(input, &mut output, Config::default())?;
    output.flush()?;
    Ok(summary)
}

/// One line per file, on stdout when that is free.
fn report(job: &Job, summary: &Summary, stdout_is_free: bool) {
    let Summary { rows, rejected, opened, .. } = summary;
    let line =
        format!("{}: {rows} rows, {rejected} rejected, {opened} alarms", job.below.display());
    if stdout_is_free {
        println!("{line}");
    } else {
        eprintln!("{line}");
    }
}
