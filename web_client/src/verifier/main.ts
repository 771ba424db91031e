import { mount } from "svelte";
import "../styles/tokens.css";
import "../styles/base.css";
import "./fonts.css";
import Verifier from "./Verifier.svelte";

mount(Verifier, { target: document.getElementById("app")! });
