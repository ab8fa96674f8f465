"""What is known of each rule, loss, penalty, method, rate and problem, as text: for the command line and the docs."""
