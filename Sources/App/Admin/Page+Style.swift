extension Page {
  static let style = #"""
    :root {
      color-scheme: light dark;
      --paper: #f3f6f5; --card: #ffffff; --ink: #10262b; --quiet: #4d6468; --line: #d5dfde; --grid: #e4ecea;
      --deep: #0d4f5c; --deep-ink: #ffffff; --good: #14693c; --warn: #8a5200; --bad: #a3221c; --bar: #17727f; --bar-bed: #e3ecea;
      --s0: #0f6f83; --s1: #c2551b; --s2: #5b4bb0; --s3: #3d7d1f; --s4: #a82a6b; --s5: #7a6a00;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --paper: #0b1719; --card: #132225; --ink: #e2eeec; --quiet: #9bb2b2; --line: #2a3d40; --grid: #20343a;
        --deep: #0f3b45; --deep-ink: #e9f6f4; --good: #6ccf97; --warn: #f0b45c; --bad: #ff9187; --bar: #3fb0bd; --bar-bed: #20343a;
        --s0: #4cc3d4; --s1: #f39a62; --s2: #a79bf5; --s3: #8fce6b; --s4: #f089bb; --s5: #d8c64a;
      }
    }
    * { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; }
    body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
    header { display: flex; flex-wrap: wrap; align-items: center; gap: .3rem 1rem; padding: .6rem 1rem; background: var(--deep); color: var(--deep-ink); }
    header p { margin: 0; }
    h1 { font-size: 1.15rem; margin: 0; display: flex; align-items: center; gap: .4rem; letter-spacing: .01em; }
    h1 svg { width: 1.7rem; height: 1.7rem; fill: none; stroke: currentColor; stroke-width: 3.2; stroke-linecap: round; }
    #state { padding: .1rem .6rem; border-radius: 1rem; border: 1px solid currentColor; }
    #state::before { content: "○ "; }
    #state[data-state=live]::before { content: "● "; }
    #state[data-state=bad] { background: #ffe3df; color: #7d1712; }
    #state[data-state=bad]::before { content: "▲ "; }
    #about { opacity: .85; flex: 1; min-width: 10rem; }
    #note, noscript p { margin: 0; padding: .45rem 1rem; background: var(--bar-bed); }
    main { display: grid; grid-template-columns: repeat(12, 1fr); gap: .8rem; padding: .8rem; max-width: 100rem; margin: 0 auto; outline: none; }
    section { grid-column: span 4; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem; min-width: 0; }
    .half { grid-column: span 6; } .wide { grid-column: span 8; }
    h2 { font-size: .95rem; margin: 0 0 .3rem; }
    h3 { font-size: .85rem; margin: .8rem 0 .3rem; }
    .big { margin: 0; font-size: .95rem; color: var(--quiet); }
    .big output { font-size: 2.1rem; line-height: 1.15; font-weight: 650; color: var(--ink); font-variant-numeric: tabular-nums; }
    .sub { margin: 0 0 .4rem; color: var(--quiet); min-height: 1.45em; overflow-wrap: anywhere; }
    .chart { width: 100%; height: 8.5rem; display: block; overflow: visible; }
    .chart text { font-size: 11px; fill: var(--quiet); font-variant-numeric: tabular-nums; }
    .chart .grid { stroke: var(--grid); stroke-width: 1; }
    .chart polyline { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; vector-effect: non-scaling-stroke; }
    .s0 { stroke: var(--s0); background: var(--s0); } .s1 { stroke: var(--s1); background: var(--s1); } .s2 { stroke: var(--s2); background: var(--s2); }
    .s3 { stroke: var(--s3); background: var(--s3); } .s4 { stroke: var(--s4); background: var(--s4); } .s5 { stroke: var(--s5); background: var(--s5); }
    table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
    th { font-weight: 500; color: var(--quiet); text-align: left; font-size: .85rem; vertical-align: bottom; }
    th, td { padding: .18rem .5rem .18rem 0; }
    td { border-top: 1px solid var(--line); vertical-align: top; }
    th:last-child, td:last-child { padding-right: 0; }
    .num { text-align: right; white-space: nowrap; }
    .legend { margin-top: .5rem; }
    .key { display: inline-block; width: .9rem; height: .22rem; border-radius: .1rem; margin-right: .45rem; vertical-align: middle; }
    .name { overflow-wrap: anywhere; } .name small { color: var(--quiet); display: block; font-size: .8rem; }
    .titles th:nth-child(n+2) { text-align: right; width: 4.4rem; }
    .titles td:nth-child(n+2) { text-align: right; }
    .titles .lead { font-weight: 650; }
    .bar { display: block; height: .28rem; border-radius: .14rem; background: var(--bar-bed); overflow: hidden; margin-top: .12rem; }
    .bar i { display: block; height: 100%; background: var(--bar); border-radius: inherit; }
    .bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: .25rem .6rem; align-items: center; margin: 0; }
    .bars dt, .bars dd { margin: 0; } .bars .bar { height: .55rem; margin: 0; } .bars dd:nth-of-type(2n) { font-variant-numeric: tabular-nums; text-align: right; }
    .facts { margin: .5rem 0 0; display: grid; gap: .1rem; }
    .facts div { display: flex; justify-content: space-between; gap: 1rem; border-top: 1px solid var(--line); padding: .2rem 0; }
    .facts dt { color: var(--quiet); } .facts dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
    #alerts ul { list-style: none; margin: 0; padding: 0; }
    #alerts li { border-top: 1px solid var(--line); padding: .35rem 0; overflow-wrap: anywhere; }
    #alerts strong { margin-right: .3rem; } .firing strong { color: var(--bad); } .resolved strong { color: var(--good); }
    #alerts small { display: block; color: var(--quiet); }
    #dead-letters th:last-child, #dead-letters td:last-child { padding-left: .8rem; }
    code { font: .82rem/1.4 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
    .scroll { overflow-x: auto; border-radius: .25rem; }
    form { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end; margin-bottom: .4rem; }
    label { display: grid; gap: .1rem; color: var(--quiet); font-size: .85rem; } .grow { flex: 1; min-width: 9rem; }
    input, select, button { font: inherit; color: inherit; padding: .4rem .7rem; min-height: 2.6rem; border-radius: .35rem; border: 1px solid var(--quiet); background: var(--card); color: var(--ink); width: 100%; }
    button { width: auto; cursor: pointer; font-weight: 600; }
    header button { min-height: 2.2rem; padding: .2rem .9rem; background: transparent; color: inherit; border-color: currentColor; }
    button[aria-pressed=true] { background: var(--deep-ink); color: var(--deep); }
    :focus-visible { outline: 3px solid var(--s1); outline-offset: 2px; }
    .two { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 0 1.5rem; }
    .two .wide { grid-column: 1 / -1; } .columns { grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); column-gap: 2rem; }
    .skip { position: absolute; left: -99rem; } .skip:focus { left: .5rem; top: .5rem; background: var(--card); color: var(--ink); padding: .5rem 1rem; z-index: 1; }
    .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); margin: 0; }
    a { color: inherit; } footer { padding: 0 1rem 1rem; color: var(--quiet); }
    @media (max-width: 84rem) { .half { grid-column: span 12; } }
    @media (max-width: 68rem) { section { grid-column: span 6; } .half, .wide, #freshness { grid-column: span 12; } }
    @media (max-width: 44rem) {
      section, .half, .wide { grid-column: 1 / -1; } main { padding: .5rem; gap: .5rem; } section { padding: .7rem .8rem; }
      .titles, .titles tbody, .titles tr { display: block; } .titles thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
      .titles tr { display: grid; grid-template-columns: repeat(5, 1fr) ; gap: 0 .5rem; border-top: 1px solid var(--line); padding: .4rem 0; }
      .titles td { border: 0; padding: 0; text-align: left !important; } .titles td:first-child { grid-column: 1 / 5; } .titles td:nth-child(2) { text-align: right !important; }
      #dead-letters tr { display: grid; grid-template-columns: 1fr auto; } #dead-letters th:last-child { display: none; }
      #dead-letters td:last-child { grid-column: 1 / -1; border: 0; padding: 0 0 .4rem; }
      .titles td[data-short]::before { content: attr(data-short); display: block; color: var(--quiet); font-size: .72rem; }
    }
    @media (prefers-reduced-motion: no-preference) { .bar i { transition: width .4s; } }

    """#
}
