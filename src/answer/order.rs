//! Detection of labels in another order than the model's classes.

/// Number of standard errors by which the accuracy must be below that of the majority class before a hint is given.
/// Such a low accuracy is not explained by chance.
const MIN_STANDARD_ERRORS: f64 = 3.0;

/// Maximum number of classes. With more classes, the pairs of classes are not compared.
const MAX_CLASSES: usize = 1_000;

/// Returns a hint, as a sentence, if the model's accuracy is far below that of always predicting the majority class,
/// because the labels may then be in another order. `truth` and `answers` hold one class index per row.
#[must_use]
pub fn hint(labels: &[String], truth: &[usize], answers: &[usize]) -> Option<String> {
    if labels.len() > MAX_CLASSES {
        return None;
    }
    let rows = truth.len() as f64;
    let counts = confusion(labels.len(), truth, answers);
    let right: usize = (0..labels.len()).map(|class| counts[class][class]).sum();
    let accuracy = right as f64 / rows.max(1.0);
    let error = (accuracy * (1.0 - accuracy) / rows.max(1.0)).sqrt();
    let majority = counts
        .iter()
        .map(|answers| answers.iter().sum::<usize>())
        .max()?;
    let majority = majority as f64 / rows.max(1.0);
    if accuracy + MIN_STANDARD_ERRORS * error >= majority {
        return None;
    }
    let below = format!(
        "The accuracy of the original, {accuracy:.3}, is far below that of always predicting the majority class, \
         {majority:.3}."
    );
    let (order, matched) = best_order(&counts);
    let reordered = matched as f64 / rows.max(1.0);
    let moved: Vec<String> = (0..labels.len())
        .filter(|&class| order[class] != class && counts[class][order[class]] > 0)
        .map(|class| format!("\"{}\" as \"{}\"", labels[class], labels[order[class]]))
        .take(4)
        .collect();
    Some(match reordered > majority && !moved.is_empty() {
        true => format!(
            "{below} It predicts rows with label {}, so the labels of the data seem to be in another order than id2label \
             in config.json. In the order of the predictions, the accuracy is {reordered:.3}.",
            moved.join(", ")
        ),
        false => format!(
            "{below} Check that the labels of the data have the meaning of id2label in config.json, and that the model was \
             trained for this task."
        ),
    })
}

/// Returns the number of rows by label and predicted class.
fn confusion(classes: usize, truth: &[usize], answers: &[usize]) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; classes]; classes];
    for (&truth, &answer) in truth.iter().zip(answers) {
        counts[truth][answer] += 1;
    }
    counts
}

/// Assigns a different predicted class to each label, in the order of the most frequent pairs. Returns the assignment
/// and the number of rows that agree with it.
fn best_order(counts: &[Vec<usize>]) -> (Vec<usize>, usize) {
    let classes = counts.len();
    let mut pairs: Vec<(usize, usize)> = (0..classes)
        .flat_map(|class| (0..classes).map(move |answer| (class, answer)))
        .collect();
    pairs.sort_by_key(|&(class, answer)| std::cmp::Reverse(counts[class][answer]));
    let (mut order, mut taken, mut matched) = (vec![None; classes], vec![false; classes], 0);
    for (class, answer) in pairs {
        if order[class].is_none() && !taken[answer] {
            order[class] = Some(answer);
            taken[answer] = true;
            matched += counts[class][answer];
        }
    }
    let order = order.into_iter().enumerate();
    (
        order
            .map(|(class, answer)| answer.unwrap_or(class))
            .collect(),
        matched,
    )
}
