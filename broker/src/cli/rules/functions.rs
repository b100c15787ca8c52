//! `thingcore rules functions`: the functions of the rule SQL with examples.

use super::super::Usage;
use ::rules::sql::{Function, SqlVersion, functions};
use clap::Args;
use std::io::{BufWriter, Write};
use std::process::ExitCode;

/// What `thingcore rules functions` can be told.
#[derive(Args, Clone, Debug)]
pub(crate) struct RulesFunctionsArgs {
    /// Only functions that have this in their name
    name: Option<String>,
}

/// Prints the functions.
///
/// # Errors
/// A name that no function has, or standard output fails.
pub(crate) fn run(args: &RulesFunctionsArgs) -> anyhow::Result<ExitCode> {
    let mut output = BufWriter::new(std::io::stdout().lock());
    print(args.name.as_deref().unwrap_or(""), &mut output)?;
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn print(part: &str, mut output: impl Write) -> anyhow::Result<()> {
    let part = part.to_ascii_lowercase();
    let mut all = functions();
    all.retain(|function| function.name.to_ascii_lowercase().contains(&part));
    if all.is_empty() {
        let message = format!("no function has `{part}` in its name: leave it out to see all");
        return Err(Usage(message).into());
    }
    for function in all {
        print_one(function, &mut output)?;
    }
    Ok(())
}

fn print_one(function: &Function, mut output: impl Write) -> anyhow::Result<()> {
    let since = match function.since {
        SqlVersion::V2015 => String::new(),
        newer @ (SqlVersion::V2016 | SqlVersion::Beta) => format!("  (since {})", newer.name()),
    };
    writeln!(output, "{}({}){since}", function.name, function.arguments)?;
    writeln!(output, "    {}", function.summary)?;
    for example in function.examples {
        writeln!(output, "    {} = {}", example.call, example.gives)?;
    }
    writeln!(output)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_printed_with_what_they_take_and_give() {
        let printed = |part: &str| {
            let mut output = Vec::new();
            print(part, &mut output).map(|()| String::from_utf8(output).unwrap())
        };
        let expected = "numbytes(text)  (since 2016-03-23)
    The number of bytes in UTF-8.
    numbytes('hi') = 2
    numbytes('€') = 3\n\n";
        assert_eq!(printed("NumB").unwrap(), expected);
        let all = printed("").unwrap();
        for function in functions() {
            assert!(
                all.contains(&format!("\n{}(", function.name)) || all.starts_with(function.name)
            );
        }
        let error = printed("nosuch").unwrap_err();
        assert!(error.is::<Usage>());
    }
}
