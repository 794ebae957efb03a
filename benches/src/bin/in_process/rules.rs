//! Ten thousand rules instead of ten, with the same matches.

use std::error::Error;

use leadstream_benches::plans;

use crate::fold::run;
use crate::{Size, median, print_cost};

/// The two are measured in turns, so that whatever else the machine does meets both alike.
const ROUNDS: usize = 3;

pub(crate) fn measure(size: Size) -> Result<(), Box<dyn Error>> {
    let size = Size { events: size.events / 4, contacts: size.contacts / 4 };
    let (few, many) = (plans::with_unmatched(0), plans::with_unmatched(9_990));
    let (mut few_times, mut many_times, mut events) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let cost = run(size, &few, None)?;
        events = cost.events;
        few_times.push(cost.time);
        many_times.push(run(size, &many, None)?.time);
    }
    let (few, many) = (median(few_times), median(many_times));
    print_cost("fold, 10 rules", events, few);
    print_cost("fold, 10,000 rules, the same matches", events, many);
    println!("    ratio: {:.2}", many.as_secs_f64() / few.as_secs_f64());
    Ok(())
}
